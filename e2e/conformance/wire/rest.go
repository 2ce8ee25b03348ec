package wire

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Rest calls the REST API with a token, or without.
type Rest struct {
	Address string // of Xen Orchestra
	Token   string // "": none
	client  *http.Client
}

// Response is what came back.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	Value  any // of the body, if it is JSON
}

// Object is the body as an object.
func (r *Response) Object() Object { return Of(r.Value) }

func (r *Response) String() string {
	return fmt.Sprintf("%d %.600s", r.Status, bytes.TrimSpace(r.Body))
}

// NewRest makes a client. Answers may take as long as the slowest call, so there is no limit but that of the context.
func NewRest(address, token string, insecure bool) *Rest {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: insecure}} //nolint:gosec // asked for
	return &Rest{Address: address, Token: token, client: &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Start sends a request and returns with the head of the answer; the caller closes its body.
func (r *Rest) Start(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	var reader io.Reader
	if raw, is := body.(string); is {
		reader = strings.NewReader(raw)
	} else if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, r.Address+"/rest/v0"+path, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if r.Token != "" {
		request.AddCookie(&http.Cookie{Name: "authenticationToken", Value: r.Token})
	}
	for key, values := range header {
		request.Header[key] = values
	}
	return r.client.Do(request)
}

// Do sends a request with a JSON body (a string is sent as it is, nil is none) and reads the whole answer.
func (r *Rest) Do(ctx context.Context, method, path string, body any, header http.Header) (*Response, error) {
	response, err := r.Start(ctx, method, path, body, header)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	result := &Response{Status: response.StatusCode, Header: response.Header, Body: text}
	_ = json.Unmarshal(text, &result.Value) // a body that is no JSON has no value
	return result, nil
}

// Line is a line of a stream that goes on.
type Line struct {
	Text string
	At   time.Time
}

// Stream reads an answer that does not end, line by line, until its context does.
type Stream struct {
	Response *http.Response
	Lines    chan Line
}

// Open starts a stream; it returns when the head of the answer is there.
func (r *Rest) Open(ctx context.Context, path string) (*Stream, error) {
	response, err := r.Start(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return nil, err
	}
	stream := &Stream{Response: response, Lines: make(chan Line, 10000)}
	go func() {
		defer response.Body.Close()
		defer close(stream.Lines)
		scanner := bufio.NewScanner(response.Body)
		scanner.Buffer(nil, messageMax)
		for scanner.Scan() {
			select {
			case stream.Lines <- Line{scanner.Text(), time.Now()}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return stream, nil
}

// Event is a server-sent one.
type Event struct {
	Name string
	Data Object
}

// Event waits for the next server-sent event.
func (s *Stream) Event(limit time.Duration) (*Event, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	event := &Event{}
	for {
		select {
		case line, open := <-s.Lines:
			if !open {
				return nil, ErrEnded
			}
			if name, is := strings.CutPrefix(line.Text, "event:"); is {
				event.Name = strings.TrimSpace(name)
			}
			if data, is := strings.CutPrefix(line.Text, "data:"); is {
				_ = json.Unmarshal([]byte(data), &event.Data) // data that is no object has no value
			}
			if line.Text == "" && event.Name != "" {
				return event, nil
			}
		case <-timer.C:
			return nil, fmt.Errorf("%w within %s", ErrLate, limit)
		}
	}
}

// Line waits for the next line.
func (s *Stream) Line(limit time.Duration) (string, error) {
	select {
	case line, open := <-s.Lines:
		if !open {
			return "", ErrEnded
		}
		return line.Text, nil
	case <-time.After(limit):
		return "", fmt.Errorf("%w within %s", ErrLate, limit)
	}
}
