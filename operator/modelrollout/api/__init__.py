"""The ModelRollout API: models of the custom resource, their validation, and the CRD generated from them."""
