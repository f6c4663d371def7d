# The machine's last deed: it hands itself over to systemd, which starts the units that
# `pye2 node install-service` prints, with the doctor in the node's place, and turns it off.
UNITS=/etc/systemd/system
mkdir -p "$UNITS" /etc/pye2 /var/log
: > /etc/machine-id
echo "pye2:x:990:990::/:/usr/sbin/nologin" >> /etc/passwd
echo "pye2:x:990:" >> /etc/group
after=
for account in pye2 root; do
    : > "/etc/pye2/$account.env"
    python3 -m pye2_node install-service --name "$account" --user-account "$account" \
        > "$UNITS/pye2-node-$account.service" 2> /dev/null
    mkdir -p "$UNITS/pye2-node-$account.service.d"
    cat > "$UNITS/pye2-node-$account.service.d/doctor.conf" << END
[Unit]
After=$after
[Service]
Type=oneshot
Restart=no
ExecStart=
ExecStart=/bin/sh -c '/usr/bin/python3 -I -m pye2_node --home \$STATE_DIRECTORY doctor'
ExecStart=/bin/sh -c 'touch \$STATE_DIRECTORY/mine'
ExecStart=/bin/sh -c 'for place in /etc /usr /home /var/lib; do ! touch \$\$place/mine || exit 1; done'
StandardOutput=append:/var/log/$account
StandardError=append:/var/log/$account
END
    after=pye2-node-$account.service # one after the other: the machine is slow
done
cat > "$UNITS/report.service" << 'END'
[Unit]
After=pye2-node-pye2.service pye2-node-root.service
Wants=pye2-node-pye2.service pye2-node-root.service
[Service]
Type=oneshot
ExecStart=/bin/sh /opt/report.sh
END
cat > /opt/report.sh << 'END'
exec > /dev/console 2>&1
for account in pye2 root; do
    echo "CHECK a systemd's service as $account"
    cat /var/log/$account
    systemctl show -P Result,ExecMainStatus pye2-node-$account.service
    systemctl is-failed --quiet pye2-node-$account.service && ended=1 || ended=0
    echo "CHECK ENDED WITH $ended"
done
echo "MACHINE DONE"
systemctl poweroff --force --force
END
cat > "$UNITS/checks.target" << 'END'
[Unit]
Wants=report.service
After=report.service
END
exec /lib/systemd/systemd --unit=checks.target --log-target=console --show-status=false
