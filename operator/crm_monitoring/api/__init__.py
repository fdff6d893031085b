"""What a user may write: the CRMMonitoring resource, its validation and its CRD."""
