#!/bin/sh
# The first program of the emulated machine. It moves from the initial file system into another,
# from which a process can be moved away as the sandbox does, has the checks run, and turns it off.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
if [ "$1" != moved ]; then
    mount -t tmpfs -o size=80% root /mnt
    cp -a /bin /etc /init /lib /opt /root /sbin /usr /var /mnt/
    mkdir -p /mnt/dev /mnt/mnt /mnt/proc /mnt/sys /mnt/tmp /mnt/run /mnt/home
    chmod 1777 /mnt/tmp
    exec switch_root /mnt /init moved
fi
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mkdir -p /dev/shm && mount -t tmpfs shm /dev/shm
exec < /dev/console > /dev/console 2>&1
python3 -c '
import fcntl, socket, struct
up = struct.pack("16sh14x", b"lo", 1)
fcntl.ioctl(socket.socket(), 0x8914, up)  # SIOCSIFFLAGS, IFF_UP'
date -s "@$(cat /opt/now)" > /dev/null
sh /opt/checks.sh
exec sh /opt/service.sh
