package supervisor

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// ErrRunning says that the lab of that name is there already.
var ErrRunning = errors.New("the lab runs already")

// lockFile takes a lock that the kernel gives up when the process ends, however it ends.
func lockFile(name string) (func(), error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrRunning
		}
		return nil, err
	}
	return func() { file.Close() }, nil
}

// Ports of labs lie below those that the kernel gives to outgoing connections (32768 and up), or a part could find its port
// taken by somebody's connection after a restart.
const (
	portsFrom = 20032
	portsTo   = 32704
)

// takePorts finds a block of ports that no other lab has and nobody listens on. The block is taken by listening on its first
// port, which the kernel allows to one process only.
func takePorts() (net.Listener, int, error) {
	blocks := (portsTo - portsFrom) / PortsPerLab
	for _, block := range rand.Perm(blocks) {
		first := portsFrom + block*PortsPerLab
		guard, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", first))
		if err != nil {
			continue
		}
		if allFree(first+1, first+PortsPerLab) {
			return guard, first, nil
		}
		guard.Close()
	}
	return nil, 0, fmt.Errorf("no %d free ports in a row between %d and %d", PortsPerLab, portsFrom, portsTo)
}

func allFree(from, to int) bool {
	for port := from; port < to; port++ {
		listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		listener.Close()
	}
	return true
}
