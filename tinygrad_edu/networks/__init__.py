"""What networks are made of, as functions of Tensors: activations, losses, layers, windows."""

from . import activations, convolutions, layers, losses, parameters

MODULES = activations, convolutions, layers, losses, parameters
