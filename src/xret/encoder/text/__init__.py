"""Text encoders; the contract is in `xret.encoder`."""
