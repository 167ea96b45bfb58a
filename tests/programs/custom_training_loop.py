"""A hypermodel that trains by a loop of its own, with gradients taken by hand."""

import keras
import keras_tuner
import tensorflow as tf


class MyHyperModel(keras_tuner.HyperModel):
    def build(self, hp):
        """Builds a network of one hidden layer; it is not compiled, as the loop below needs nothing of that."""
        return keras.Sequential(
            [
                keras.Input(shape=(8,)),
                keras.layers.Dense(units=hp.Int("units", 8, 32, step=8), activation="relu"),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )

    def fit(self, hp, model, x, y, validation_data, callbacks=None, epochs=2, **kwargs):
        batch_size = hp.Int("batch_size", 32, 128, step=32)
        optimizer = keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log", default=1e-3))
        loss_fn = keras.losses.BinaryCrossentropy()
        train = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size)
        validation = tf.data.Dataset.from_tensor_slices(validation_data).batch(batch_size)
        epoch_loss = keras.metrics.Mean()

        for callback in callbacks:
            callback.set_model(model)

        best = float("inf")
        for epoch in range(epochs):
            for rows, targets in train:
                with tf.GradientTape() as tape:
                    loss = loss_fn(targets, model(rows, training=True))
                optimizer.apply_gradients(
                    zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
                )
            for rows, targets in validation:
                epoch_loss.update_state(loss_fn(targets, model(rows)))
            validation_loss = float(epoch_loss.result().numpy())
            epoch_loss.reset_state()
            for callback in callbacks:
                # The objective is handed over under the name that the search knows it by.
                callback.on_epoch_end(epoch, logs={"val_loss": validation_loss})
            best = min(best, validation_loss)
        return best
