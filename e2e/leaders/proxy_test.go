package leaders

import (
	"io"
	"net"
	"sync"
)

// proxy passes bytes on, until it is cut: then it takes no connection and has none.
type proxy struct {
	listener net.Listener
	to       string
	lock     sync.Mutex // guards what follows
	cut      bool
	open     map[net.Conn]bool
}

func newProxy(to string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, to: to, open: map[net.Conn]bool{}}
	go p.serve()
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		from, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		go p.pass(from)
	}
}

// keep says whether connections are allowed now, and remembers them to be cut.
func (p *proxy) keep(connections ...net.Conn) bool {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, one := range connections {
		p.open[one] = true
	}
	return !p.cut
}

func (p *proxy) drop(connections ...net.Conn) {
	p.lock.Lock()
	defer p.lock.Unlock()
	for _, one := range connections {
		one.Close()
		delete(p.open, one)
	}
}

func (p *proxy) pass(from net.Conn) {
	to, err := net.Dial("tcp", p.to)
	if err != nil {
		from.Close()
		return
	}
	defer p.drop(from, to)
	if !p.keep(from, to) {
		return
	}
	ended := make(chan struct{}, 2)
	for _, pair := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			io.Copy(pair[0], pair[1]) // either end's end is the end
			ended <- struct{}{}
		}()
	}
	<-ended
}

// Cut ends all connections and refuses new ones, until Mend.
func (p *proxy) Cut() {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.cut = true
	for one := range p.open {
		one.Close()
	}
}

func (p *proxy) Mend() {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.cut = false
}
