"""Pictures and exports of finished runs; nothing else depends on them."""
