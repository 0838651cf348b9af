"""Hubs of models: ``hf://`` addresses, and folders that are sent there."""
