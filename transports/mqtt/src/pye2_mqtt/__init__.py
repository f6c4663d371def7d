"""pye2 transport over any MQTT 3.1.1 broker, on paho-mqtt.

``plugin`` tells the kernel what is here and imports nothing heavy. ``transport`` is what the kernel
uses; it holds three of the ``connection`` module's connections. ``topics`` knows what channels are
called on a broker, ``failures`` words what went wrong.
"""
