"""The code that travels with a champion into MLflow, and is run there to load it. It never imports tuner.

MLflow executes this file wherever the model is loaded, with the champion's folder as an artifact. In that folder lies
`champion.py` as it was when the model was saved, so that what predicts is what was scored.
"""

import importlib.util
import sys
import uuid
from pathlib import Path

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


class Served(PythonModel):  # type: ignore[misc]
    """Raw columns in, label and probabilities or values out."""

    def load_context(self, context):  # type: ignore[no-untyped-def]
        folder = Path(context.artifacts["champion"])
        # A name of its own: another champion in the same process may bring other code.
        name = f"tuner_champion_{uuid.uuid4().hex}"
        spec = importlib.util.spec_from_file_location(name, folder / "champion.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        self._champion = module.recorded(folder)

    # MLflow fills arguments of just these names, warns where the rows have no type, and reads a schema into most types.
    def predict(self, context, model_input: pd.DataFrame, params=None):  # type: ignore[no-untyped-def]
        return self._champion.predict(model_input)


set_model(Served())
