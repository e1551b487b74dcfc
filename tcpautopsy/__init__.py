"""tcpautopsy says why each connection in a packet capture failed, who is at fault, and which frames prove it."""

__version__ = "0.1.0"
