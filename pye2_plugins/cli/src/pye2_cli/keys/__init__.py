"""``pye2 key``: the keys by which clients and nodes are known.

``commands`` has the subcommands; ``places`` says which key is meant and where its passphrase is;
``words`` reads the words of a key; ``telling`` is what is printed. No private key, word or
passphrase is ever printed, or taken from the command line, which others on the machine can read.
"""
