"""Image encoders; the contract is in `xret.encoder`. They carry `image_px` and `fit`, which the reader needs."""
