// Package wire speaks the two APIs of Xen Orchestra as a client would, and keeps what came back in the order in which it came: the
// conformance tests are about exactly that.
package wire

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Message is one frame that the server sent.
type Message struct {
	Number int // of the connection, from 0
	At     time.Time
	Binary bool
	Text   []byte
	Size   int // of the frame, uncompressed

	ID     any    // of an answer
	Answer bool   // whether it is one
	Result any    // of an answer that is no error
	Error  *Error // of an answer that is one

	Kind  string         // "enter" or "exit" of a notification
	Items map[string]any // of a notification
}

// Error is a JSON-RPC error object.
type Error struct {
	Code    int
	Message string
	Data    any // nil: not there
}

func (e *Error) Error() string {
	data, _ := json.Marshal(e.Data) // for reading only
	return fmt.Sprintf("%d %q, data %.300s", e.Code, e.Message, data)
}

// XAPI is the code of the XAPI error inside, "" if there is none.
func (e *Error) XAPI() string { return Of(e.Data).Text("code") }

// Conn is a WebSocket connection; it may be used by several goroutines.
type Conn struct {
	socket *websocket.Conn
	bytes  *atomic.Int64 // received on the socket under it
	pings  atomic.Int64

	mutex    sync.Mutex
	changed  chan struct{} // closed and replaced when anything below changes
	messages []*Message
	ended    error // why nothing comes any more
	lastID   int

	// Protocol is the subprotocol that the server chose, Compressed whether it agreed to compress.
	Protocol   string
	Compressed bool
}

// Options of a connection. The zero value is what most clients do.
type Options struct {
	Insecure  bool // any certificate is good
	Path      string
	Protocols []string
	Compress  bool
	Handshake time.Duration // 0: 20 s
}

// messageMax is the largest frame taken: some ten times that of ten thousand disks.
const messageMax = 256 << 20

type countingConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (c countingConn) Read(into []byte) (int, error) {
	count, err := c.Conn.Read(into)
	c.bytes.Add(int64(count))
	return count, err
}

// Dial opens a WebSocket of the Xen Orchestra at address (http://…).
func Dial(ctx context.Context, address string, options Options) (*Conn, error) {
	if options.Handshake == 0 {
		options.Handshake = 20 * time.Second
	}
	if options.Path == "" {
		options.Path = "/api/"
	}
	limited, cancel := context.WithTimeout(ctx, options.Handshake)
	defer cancel()
	conn := &Conn{bytes: &atomic.Int64{}, changed: make(chan struct{})}
	dialer := &net.Dialer{}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: options.Insecure}, //nolint:gosec // asked for
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			plain, err := dialer.DialContext(ctx, network, address)
			return countingConn{plain, conn.bytes}, err
		},
	}}
	mode := websocket.CompressionDisabled
	if options.Compress {
		mode = websocket.CompressionContextTakeover
	}
	socket, response, err := websocket.Dial(limited, "ws"+strings.TrimPrefix(address, "http")+options.Path, &websocket.DialOptions{
		HTTPClient: client, Subprotocols: options.Protocols, CompressionMode: mode, CompressionThreshold: 1 << 30,
		OnPingReceived: func(context.Context, []byte) bool { conn.pings.Add(1); return true },
	})
	if err != nil {
		return nil, err
	}
	socket.SetReadLimit(messageMax)
	conn.socket = socket
	conn.Protocol = socket.Subprotocol()
	conn.Compressed = strings.Contains(response.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate")
	go conn.read()
	return conn, nil
}

func (c *Conn) read() {
	for {
		kind, text, err := c.socket.Read(context.Background())
		c.mutex.Lock()
		if err != nil {
			c.ended = err
		} else {
			message := decode(text, kind == websocket.MessageBinary)
			message.Number = len(c.messages)
			c.messages = append(c.messages, message)
		}
		close(c.changed)
		c.changed = make(chan struct{})
		c.mutex.Unlock()
		if err != nil {
			return
		}
	}
}

func decode(text []byte, binary bool) *Message {
	message := &Message{At: time.Now(), Binary: binary, Text: text, Size: len(text)}
	var frame map[string]any
	if binary || json.Unmarshal(text, &frame) != nil {
		return message
	}
	object := Of(frame)
	if object.Text("method") == "all" {
		message.Kind, message.Items = object.Of("params").Text("type"), object.Of("params").Of("items")
		return message
	}
	message.ID, message.Answer = frame["id"]
	if failure, is := frame["error"].(map[string]any); is {
		message.Error = &Error{Code: int(Of(failure).Number("code")), Message: Of(failure).Text("message"), Data: failure["data"]}
		return message
	}
	message.Result = frame["result"]
	return message
}

// Close ends the connection.
func (c *Conn) Close() { _ = c.socket.CloseNow() } // nothing is expected of it any more

// Pings says how many pings the server sent.
func (c *Conn) Pings() int64 { return c.pings.Load() }

// Received says how many bytes came over the socket, which is fewer than the frames have when they are compressed.
func (c *Conn) Received() int64 { return c.bytes.Load() }

// Ping sends one and waits for the answer.
func (c *Conn) Ping(ctx context.Context) error { return c.socket.Ping(ctx) }

// SendRaw sends a text frame as it is.
func (c *Conn) SendRaw(text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.socket.Write(ctx, websocket.MessageText, []byte(text))
}

// Send sends a call and returns its id; nil params are left out.
func (c *Conn) Send(method string, params any) (int, error) {
	c.mutex.Lock()
	c.lastID++
	id := c.lastID
	c.mutex.Unlock()
	call := map[string]any{"jsonrpc": "2.0", "id": id, "method": method}
	if params != nil {
		call["params"] = params
	}
	text, err := json.Marshal(call)
	if err != nil {
		return 0, err
	}
	return id, c.SendRaw(string(text))
}

// ErrEnded is that nothing can come any more, because the connection has ended.
var ErrEnded = errors.New("the connection ended")

// ErrLate is that something did not come within the time given.
var ErrLate = errors.New("it did not come")

// Find waits for the first message, not before number `from`, that the condition holds for.
func (c *Conn) Find(from int, limit time.Duration, condition func(*Message) bool) (*Message, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		c.mutex.Lock()
		messages, ended, changed := c.messages, c.ended, c.changed
		c.mutex.Unlock()
		for ; from < len(messages); from++ {
			if condition(messages[from]) {
				return messages[from], nil
			}
		}
		if ended != nil {
			return nil, fmt.Errorf("%w: %w", ErrEnded, ended)
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil, fmt.Errorf("%w within %s", ErrLate, limit)
		}
	}
}

// Answer waits for the answer to the call with an id.
func (c *Conn) Answer(id int, limit time.Duration) (*Message, error) {
	return c.Find(0, limit, func(m *Message) bool { number, is := m.ID.(float64); return is && int(number) == id })
}

// Call calls and waits for the result; the error is an *Error if the server answered with one.
func (c *Conn) Call(method string, params any, limit time.Duration) (any, error) {
	id, err := c.Send(method, params)
	if err != nil {
		return nil, err
	}
	message, err := c.Answer(id, limit)
	if err != nil {
		return nil, fmt.Errorf("the answer to %s: %w", method, err)
	}
	if message.Error != nil {
		return nil, message.Error
	}
	return message.Result, nil
}

// Messages are all that came, oldest first.
func (c *Conn) Messages() []*Message {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.messages
}

// Now is the number of the next message: to be given to Find for what comes from now on.
func (c *Conn) Now() int { return len(c.Messages()) }

// CloseStatus waits for the end of the connection and returns the code of the close frame, -1 when there was none.
func (c *Conn) CloseStatus(limit time.Duration) (int, error) {
	_, err := c.Find(0, limit, func(*Message) bool { return false })
	if !errors.Is(err, ErrEnded) {
		return 0, err
	}
	return int(websocket.CloseStatus(err)), nil
}

// States are the states of an object that notifications told, oldest first; nil stands for its exit.
func (c *Conn) States(id string) []Object {
	var states []Object
	for _, message := range c.Messages() {
		item, is := message.Items[id]
		switch {
		case is && message.Kind == "enter":
			states = append(states, Of(item))
		case is:
			states = append(states, nil)
		}
	}
	return states
}
