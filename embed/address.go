package embed

import (
	"net"

	flow "github.com/ruvector-flow/ruvector-flow"
)

// listen opens a listening socket; the error names the flag and the address.
func listen(flag, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, flow.Errorf(flow.InvalidArgument, "embed.Start", "%s: cannot listen on %s: %w", flag, addr, err)
	}
	return ln, nil
}

// advertised returns the host:port others reach a listener at. want may be empty
// (the listener's own address), a host, or host:port; an address that means
// "every interface" becomes one of this machine's addresses.
func advertised(want string, ln net.Addr) (string, error) {
	host, port, err := net.SplitHostPort(ln.String())
	if err != nil {
		return "", flow.Errorf(flow.Internal, "embed.Start", "listening address %v: %w", ln, err)
	}
	if want != "" {
		h, p, err := net.SplitHostPort(want)
		switch {
		case err == nil:
			host = h
			if p != "" && p != "0" {
				port = p
			}
		case net.ParseIP(want) != nil:
			host = want
		default:
			if host, _, err = net.SplitHostPort(want + ":0"); err != nil {
				return "", flow.Errorf(flow.InvalidArgument, "embed.Start", "--advertise: %q is not an address like host:port", want)
			}
		}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = machineAddress()
	}
	return net.JoinHostPort(host, port), nil
}

// machineAddress returns an address of this machine that others may reach: the
// first global one, IPv4 before IPv6, or loopback when there is none.
func machineAddress() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "127.0.0.1"
	}
	six := ""
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || !n.IP.IsGlobalUnicast() {
			continue
		}
		if n.IP.To4() != nil {
			return n.IP.String()
		}
		if six == "" {
			six = n.IP.String()
		}
	}
	if six != "" {
		return six
	}
	return "127.0.0.1"
}
