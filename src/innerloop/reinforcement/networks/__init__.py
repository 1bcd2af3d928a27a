"""Networks of policies: functions of named tensors, for any leading dimensions."""
