"""Cameras that listen: who is connected to this process, and what is sent to them."""

from devices.streams.held import CommandPoll, CommandStream, answer_of, opening
from devices.streams.hub import hub

__all__ = ["CommandPoll", "CommandStream", "answer_of", "hub", "opening"]
