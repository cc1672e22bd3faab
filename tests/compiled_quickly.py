"""What makes JAX compile in half the time, for processes that run each program a few times only."""

COMPILED_QUICKLY = {"XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"}
