"""Programs and ports of the machine."""
import os
import shutil
import socket


def tool(name):
    """A program of Debian's, also one that is for root alone."""
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
