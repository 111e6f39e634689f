"""The provider: admission, retries, faults, stream decoding, replicas."""
