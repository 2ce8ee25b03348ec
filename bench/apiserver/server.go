package apiserver

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Token is what clients must send.
const Token = "bench-token-of-no-value"

const (
	firstVersion    = 20000 // of the objects; what changes gets later ones
	bookmarkSeconds = 60    // as a real server does, about once a minute
)

// resource is a kind with its objects as they are now.
type resource struct {
	Kind
	items    [][]byte
	index    map[string]int
	watchers map[chan []byte]bool
	served   bool // a client was sent everything and watches on
}

// Server is one scripted API server. Make a new one for each client.
type Server struct {
	URL      string
	crd      []byte
	http     *httptest.Server
	mutex    sync.Mutex // guards all below
	version  int
	byPath   map[string]*resource
	requests map[string]int
	served   chan struct{} // closed when every kind is
	closing  chan struct{} // closed when the server is
}

// New starts a server with so many XoVolumeMigrations. crd is the JSON of their definition.
func New(migrations int, crd []byte) *Server {
	s := &Server{crd: crd, version: firstVersion, byPath: map[string]*resource{}, requests: map[string]int{}, served: make(chan struct{}),
		closing: make(chan struct{})}
	for _, kind := range Kinds {
		r := &resource{Kind: kind, index: map[string]int{}, watchers: map[chan []byte]bool{}}
		r.items = fixtures(kind, kind.count(migrations))
		for i, item := range r.items {
			r.index[nameOf(item)] = i
		}
		s.byPath[kind.path()+"/"+kind.Plural] = r
	}
	s.http = httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	s.http.EnableHTTP2 = true
	s.http.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	s.http.Config.ErrorLog = nil
	s.http.StartTLS()
	s.URL = s.http.URL
	return s
}

// Close ends it and all its connections.
func (s *Server) Close() {
	close(s.closing)
	s.http.CloseClientConnections()
	s.http.Close()
}

// Served is closed once a client was sent every object of every kind and watches each kind.
func (s *Server) Served() <-chan struct{} { return s.served }

// Requests are the numbers of requests by method and what they were for.
func (s *Server) Requests() map[string]int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	counts := map[string]int{}
	for what, count := range s.requests {
		counts[what] = count
	}
	return counts
}

// Kubeconfig writes a configuration with which clients reach the server.
func (s *Server) Kubeconfig(path string) error {
	certificate := s.http.Certificate()
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: bench\n"+
		"clusters: [{name: bench, cluster: {server: %q, certificate-authority-data: %s}}]\n"+
		"users: [{name: bench, user: {token: %s}}]\ncontexts: [{name: bench, context: {cluster: bench, user: bench}}]\n",
		s.URL, pemBase64(certificate), Token)
	return os.WriteFile(path, []byte(text), 0o600)
}

// Modify sends so many MODIFIED events of XoVolumeMigrations, spread over all of them, in batches at the given pace.
// The events are rendered before the first is sent. It returns when the last one was handed to the watchers.
func (s *Server) Modify(count, batch int, pace time.Duration) {
	r := s.byPath[Kinds[0].path()+"/"+Kinds[0].Plural]
	lines := make([][]byte, count)
	for n := range lines {
		i := n * 7919 % len(r.items) // a prime: neighbours in time are none in the list
		s.mutex.Lock()
		s.version++
		r.items[i] = []byte(r.render(i, s.version))
		s.mutex.Unlock()
		lines[n] = event("MODIFIED", r.items[i])
	}
	for n, line := range lines {
		s.mutex.Lock()
		for watcher := range r.watchers {
			watcher <- line
		}
		s.mutex.Unlock()
		if (n+1)%batch == 0 {
			time.Sleep(pace)
		}
	}
}

// Rendering takes longer than some of what is measured: it is done once for each number of objects.
var (
	rendered      = map[string][][]byte{}
	renderedMutex sync.Mutex
)

// fixtures are the first objects of a kind; the slice is the caller's, the objects are shared.
func fixtures(kind Kind, count int) [][]byte {
	renderedMutex.Lock()
	defer renderedMutex.Unlock()
	items := rendered[kind.Plural]
	for i := len(items); i < count; i++ {
		items = append(items, []byte(kind.render(i, firstVersion-i%10000)))
	}
	rendered[kind.Plural] = items
	return slices.Clone(items[:count])
}

func event(kind string, object []byte) []byte {
	return []byte(`{"type":"` + kind + `","object":` + string(object) + "}\n")
}

func nameOf(object []byte) string {
	var meta struct{ Metadata struct{ Name string } }
	_ = json.Unmarshal(object, &meta) // rendered by us
	return meta.Metadata.Name
}

func (s *Server) count(what string) {
	s.mutex.Lock()
	s.requests[what]++
	s.mutex.Unlock()
}

func (s *Server) serve(w http.ResponseWriter, request *http.Request) {
	if request.Header.Get("Authorization") != "Bearer "+Token {
		s.count("refused")
		status(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	path := request.URL.Path
	r, name, subresource := s.find(path)
	switch {
	case r != nil && name == "" && request.Method == http.MethodGet && isTrue(request.URL.Query().Get("watch")):
		s.count("watch")
		s.watch(w, request, r)
	case r != nil && name == "" && request.Method == http.MethodGet:
		s.count("list")
		s.list(w, request, r)
	case r != nil && name != "" && request.Method == http.MethodGet:
		s.count("get")
		s.get(w, r, name)
	case r != nil && name != "" && (request.Method == http.MethodPatch || request.Method == http.MethodPut):
		s.count("write " + r.Plural + subresource)
		s.write(w, r, name)
	case strings.Contains(path, "/customresourcedefinitions/"):
		s.count("get")
		_, _ = w.Write(s.crd) // the client is gone: it sees that itself
	case request.Method == http.MethodGet && s.discover(w, path):
		s.count("discovery")
	case strings.Contains(path, "/leases") || strings.HasSuffix(path, "/events"):
		s.count("write " + path[strings.LastIndex(path, "/")+1:])
		body, _ := io.ReadAll(io.LimitReader(request.Body, 1<<20)) // answered with itself, also when cut
		_, _ = w.Write(body)                                       // the client is gone: it sees that itself
	default:
		s.count("unknown " + request.Method + " " + path)
		status(w, http.StatusNotFound, "NotFound")
	}
}

func isTrue(text string) bool { return text == "1" || text == "true" }

func status(w http.ResponseWriter, code int, reason string) {
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","reason":%q,"message":%q,"code":%d}`,
		reason, reason, code)
}

// find takes a path apart: the resource, an object's name and a subresource with its slash.
func (s *Server) find(path string) (*resource, string, string) {
	for prefix, r := range s.byPath {
		base := r.path()
		rest, ok := strings.CutPrefix(path, base+"/")
		if !ok {
			continue
		}
		parts := strings.Split(rest, "/")
		if parts[0] == "namespaces" && len(parts) > 2 {
			parts = parts[2:]
		}
		if base+"/"+parts[0] != prefix {
			continue
		}
		parts = append(parts, "", "")
		subresource := ""
		if parts[2] != "" {
			subresource = "/" + parts[2]
		}
		return r, parts[1], subresource
	}
	return nil, "", ""
}

func (s *Server) discover(w http.ResponseWriter, path string) bool {
	type entry = map[string]any
	version := func(k Kind) entry {
		return entry{"groupVersion": k.apiVersion(), "version": k.Version}
	}
	switch path {
	case "/api":
		return reply(w, entry{"kind": "APIVersions", "versions": []string{"v1"}})
	case "/apis":
		groups, seen := []entry{}, map[string]bool{}
		for _, k := range Kinds {
			if k.Group != "" && !seen[k.Group] {
				seen[k.Group] = true
				groups = append(groups, entry{"name": k.Group, "versions": []entry{version(k)}, "preferredVersion": version(k)})
			}
		}
		return reply(w, entry{"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
	}
	resources := []entry{}
	for _, k := range Kinds {
		if path == k.path() {
			resources = append(resources, entry{"name": k.Plural, "kind": k.Name, "namespaced": k.Namespaced,
				"singularName": strings.ToLower(k.Name), "verbs": []string{"get", "list", "watch", "patch", "update"}})
		}
	}
	return len(resources) > 0 && reply(w, entry{"kind": "APIResourceList", "apiVersion": "v1",
		"groupVersion": strings.TrimPrefix(strings.TrimPrefix(path, "/apis/"), "/api/"), "resources": resources})
}

func reply(w io.Writer, value any) bool {
	_ = json.NewEncoder(w).Encode(value) // the client is gone: it sees that itself
	return true
}

func (s *Server) list(w http.ResponseWriter, request *http.Request, r *resource) {
	s.mutex.Lock()
	items, version := slices.Clone(r.items), s.version
	s.mutex.Unlock()
	from, _ := strconv.Atoi(request.URL.Query().Get("continue")) // none: from the start
	limit, _ := strconv.Atoi(request.URL.Query().Get("limit"))   // none: everything
	to := len(items)
	more := ""
	if limit > 0 && from+limit < to {
		to = from + limit
		more = fmt.Sprintf(`,"continue":"%d","remainingItemCount":%d`, to, len(items)-to)
	}
	var body bytes.Buffer
	fmt.Fprintf(&body, `{"kind":"%sList","apiVersion":%q,"metadata":{"resourceVersion":"%d"%s},"items":[`, r.Name,
		r.apiVersion(), version, more)
	body.Write(bytes.Join(items[min(from, to):to], []byte(",")))
	body.WriteString("]}\n")
	_, _ = w.Write(body.Bytes()) // the client is gone: it sees that itself
}

func (s *Server) get(w http.ResponseWriter, r *resource, name string) {
	s.mutex.Lock()
	i, ok := r.index[name]
	var item []byte
	if ok {
		item = r.items[i]
	}
	s.mutex.Unlock()
	if !ok {
		status(w, http.StatusNotFound, "NotFound")
		return
	}
	_, _ = w.Write(item) // the client is gone: it sees that itself
}

// write takes any change for granted: the object is the same with a new version, and its watchers hear of it.
func (s *Server) write(w http.ResponseWriter, r *resource, name string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	i, ok := r.index[name]
	if !ok {
		status(w, http.StatusNotFound, "NotFound")
		return
	}
	s.version++
	r.items[i] = []byte(r.render(i, s.version))
	for watcher := range r.watchers {
		watcher <- event("MODIFIED", r.items[i])
	}
	_, _ = w.Write(r.items[i]) // the client is gone: it sees that itself
}

// watch streams: the initial events for those who ask for them, then what happens.
func (s *Server) watch(w http.ResponseWriter, request *http.Request, r *resource) {
	flusher := w.(http.Flusher)
	lines := make(chan []byte, 20000) // more than any script sends at once, so that nobody waits under the lock
	s.mutex.Lock()
	r.watchers[lines] = true
	items, version := slices.Clone(r.items), s.version
	s.mutex.Unlock()
	defer func() {
		s.mutex.Lock()
		delete(r.watchers, lines)
		s.mutex.Unlock()
	}()
	bookmark := func(annotations string) []byte {
		return event("BOOKMARK", fmt.Appendf(nil, `{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":"%d"%s}}`, r.Name,
			r.apiVersion(), version, annotations))
	}
	if request.URL.Query().Get("sendInitialEvents") == "true" {
		for _, item := range items {
			_, _ = w.Write(event("ADDED", item)) // the client is gone: the loop below ends
		}
		_, _ = w.Write(bookmark(`,"annotations":{"k8s.io/initial-events-end":"true"}`)) // as above
	}
	flusher.Flush()
	s.markServed(r)
	ticker := time.NewTicker(bookmarkSeconds * time.Second)
	defer ticker.Stop()
	for {
		select {
		case line := <-lines:
			_, _ = w.Write(line) // the client is gone: the context ends
			for range len(lines) {
				_, _ = w.Write(<-lines) // as above
			}
		case <-ticker.C:
			s.mutex.Lock()
			version = s.version
			s.mutex.Unlock()
			_, _ = w.Write(bookmark("")) // as above
		case <-request.Context().Done():
			return
		case <-s.closing:
			return
		}
		flusher.Flush()
	}
}

func (s *Server) markServed(r *resource) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if r.served {
		return
	}
	r.served = true
	for _, other := range s.byPath {
		if !other.served {
			return
		}
	}
	close(s.served)
}
