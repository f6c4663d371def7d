"""Loads scikit-learn, as a node's zygote has to: nothing can be loaded once a worker is confined.

Granted with ``pye2_joblib``; ``sklearn`` is granted by itself.
"""

from __future__ import annotations

import importlib.util

import sklearn
from sklearn.utils import parallel

for _name in sklearn.__all__:
    if importlib.util.find_spec(f"sklearn.{_name}") is not None:  # functions are listed there, too
        importlib.import_module(f"sklearn.{_name}")

# It opens the libraries that compute with threads, to limit them; later it could not.
_controller = getattr(parallel, "_get_threadpool_controller", None)
if _controller is not None:
    _controller()
