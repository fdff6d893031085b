"""The compiler: a resource goes in, a bundle of manifests comes out. Pure and deterministic."""
