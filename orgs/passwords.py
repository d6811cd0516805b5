"""What a password must be, each rule with the sentence by which the forms tell it."""

from django.contrib.auth import password_validation as django


class NotOneself(django.UserAttributeSimilarityValidator):
    def get_help_text(self) -> str:
        return "It is not like your name or your e-mail address."


class LongEnough(django.MinimumLengthValidator):
    def get_help_text(self) -> str:
        return f"It has at least {self.min_length} characters; a few words in a row are good."


class NotCommon(django.CommonPasswordValidator):
    def get_help_text(self) -> str:
        return "It is none of those that many people use."


class NotANumber(django.NumericPasswordValidator):
    def get_help_text(self) -> str:
        return "It is more than a number."
