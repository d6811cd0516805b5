"""A bounded memory for what was learnt from references."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

Model = TypeVar("Model")

KEPT_MODELS = 32
"""A fitted scene takes about 4 MB per light, so this bounds an evaluator to some 200 MB."""


class FittedModels(Generic[Model]):
    """Least-recently-used cache, safe to share between threads."""

    def __init__(self, limit: int = KEPT_MODELS) -> None:
        self._limit = limit
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str, fit: Callable[[], Model]) -> Model:
        """Return the model under ``key``, fitting it when it is not there."""
        with self._lock:
            if key in self._models:
                self._models.move_to_end(key)
                return self._models[key]
        # Fitted outside the lock: two threads may fit the same, none waits for another camera.
        model = fit()
        with self._lock:
            self._models[key] = model
            self._models.move_to_end(key)
            while len(self._models) > self._limit:
                self._models.popitem(last=False)
        return model
