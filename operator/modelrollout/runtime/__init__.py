"""The running operator: kopf feeds a work queue, the queue drives reconciles, a Lease says who may write."""
