package tests

import (
	"net/http"
	"time"

	"xo-operator.dev/e2e/conformance/suite"
	"xo-operator.dev/e2e/conformance/wire"
)

func unknownError(t *suite.T, what string, failure *wire.Error) {
	t.Check(failure.Code == -32000 && failure.Message == "unknown error from the peer", "%s: %v", what, failure)
}

func isUser(t *suite.T, result any) {
	user := wire.Of(result)
	t.Check(user.Text("id") != "" && user.Text("email") != "" && user.Text("permission") != "", "the answer is no user: %v", result)
	t.Check(wire.Kind(user["groups"]) == "array" && wire.Kind(user["preferences"]) == "object", "groups, preferences: %v", result)
}

var signIn = []*suite.Test{
	{Name: "signing in with a password answers the user", Facts: []string{"sign-in", "sign-in-same"}, Needs: []suite.Need{suite.Password},
		Run: func(t *suite.T) {
			for _, method := range []string{"session.signIn", "session.signInWithPassword"} {
				conn := t.Connect(wire.Options{})
				isUser(t, t.Call(conn, method, params{"email": t.Site.Username, "password": t.Site.Password}))
				isUser(t, t.Call(conn, "session.getUser", params{}))
			}
		}},
	{Name: "signing in with a token answers the user", Facts: []string{"sign-in", "sign-in-same"},
		Run: func(t *suite.T) {
			token := t.Call(t.Session(), "token.create", params{"expiresIn": "1 hour"})
			for _, method := range []string{"session.signIn", "session.signInWithToken"} {
				isUser(t, t.Call(t.Connect(wire.Options{}), method, params{"token": token}))
			}
		}},
	{Name: "a bad token is refused with code 3", Facts: []string{"sign-in-bad"},
		Run: func(t *suite.T) {
			failure := t.Refused(t.Connect(wire.Options{}), "session.signIn", params{"token": "no such token"})
			t.Check(failure.Code == 3 && failure.Message == "invalid credentials" && failure.Data == nil, "%v", failure)
		}},
	{Name: "after a bad password even the right one fails for two seconds", Facts: []string{"sign-in-bad", "sign-in-throttle"}, Needs: []suite.Need{suite.Password},
		Speed: 2, Run: func(t *suite.T) {
			conn := t.Connect(wire.Options{})
			failure := t.Refused(conn, "session.signIn", params{"email": t.Site.Username, "password": "wrong"})
			t.Check(failure.Code == 3 && failure.Message == "invalid credentials", "bad password: %v", failure)
			right := params{"email": t.Site.Username, "password": t.Site.Password}
			unknownError(t, "the right one at once", t.Refused(conn, "session.signIn", right))
			t.Pass(4 * time.Second)
			isUser(t, t.Call(conn, "session.signIn", right))
		}},
	{Name: "several may sign in at once", Facts: []string{"sign-in-several"},
		Run: func(t *suite.T) {
			conn, ids := t.Connect(wire.Options{}), []int{}
			for range 4 {
				ids = append(ids, t.Send(conn, "session.signIn", t.Site.Credentials()))
			}
			for _, id := range ids {
				message := t.Answer(conn, id)
				t.Check(message.Error == nil, "%v", message.Error)
			}
		}},
	{Name: "whoever has not signed in is refused with code 2", Facts: []string{"sign-in-first"},
		Run: func(t *suite.T) {
			conn := t.Connect(wire.Options{})
			failure := t.Refused(conn, "xo.getAllObjects", params{})
			t.Check(failure.Code == 2 && failure.Message == "not enough permissions", "%v", failure)
			t.Check(wire.Of(failure.Data).Has("object") && len(wire.Of(failure.Data).Of("object")) == 0, "data: %v", failure.Data)
			unknownError(t, "session.getUser", t.Refused(conn, "session.getUser", params{}))
		}},
}

var tokens = []*suite.Test{
	{Name: "a token is a string of 43 characters, whatever is said of it", Facts: []string{"token-create"},
		Run: func(t *suite.T) {
			conn := t.Session()
			for _, with := range []params{{}, {"description": "conformance"}, {"expiresIn": 120000}, {"client": params{"id": "xo-operator-conformance"}}} {
				token, _ := t.Call(conn, "token.create", with).(string)
				t.Check(len(token) == 43, "%v: found %d characters", with, len(token))
			}
		}},
	{Name: "a token lives at least a minute and at most half a year", Facts: []string{"token-expiry"},
		Run: func(t *suite.T) {
			conn := t.Session()
			for _, good := range []any{60000, "1 minute", "30 days", "100 days"} {
				t.Call(conn, "token.create", params{"expiresIn": good})
			}
			for _, short := range []any{1000, "1s", "59 seconds"} {
				failure := t.Refused(conn, "token.create", params{"expiresIn": short})
				t.Check(failure.Code == -32000, "%v: %v", short, failure)
				t.Match("too short", failure.Message, "^invalid expiresIn duration: ")
			}
			failure := t.Refused(conn, "token.create", params{"expiresIn": "2 years"})
			t.Check(failure.Code == -32000, "%v", failure)
			t.Match("too long", failure.Message, "^too high expiresIn duration")
		}},
	{Name: "a token survives a restart of Xen Orchestra", Facts: []string{"token-restart"}, Needs: []suite.Need{suite.FaultNeed("XO_RESTART")},
		Run: func(t *suite.T) {
			conn := t.Session()
			token := t.Call(conn, "token.create", params{"expiresIn": "1 day"})
			t.Fault("XO_RESTART", nil)
			_, err := conn.CloseStatus(t.Limit(time.Minute))
			t.Must(err)
			back := reconnect(t)
			isUser(t, t.Call(back, "session.signIn", params{"token": token}))
		}},
	{Name: "an expired token lets notifications go on and closes at the next request", Facts: []string{"token-expired", "token-expired-rest"},
		Needs: []suite.Need{suite.SR, suite.Minutes}, Run: func(t *suite.T) {
			token := t.Call(t.Session(), "token.create", params{"expiresIn": "1 minute"})
			conn := t.Connect(wire.Options{})
			t.Call(conn, "session.signIn", params{"token": token})
			rest := wire.NewRest(t.Site.URL, token.(string), t.Site.Insecure)
			before := get(t, rest, "/pools")
			t.Check(before.Status == http.StatusOK, "REST before: %v", before)
			t.Expire(token.(string), time.Minute)
			from, disk := conn.Now(), t.Disk(suite.Make{})
			t.Entered(conn, from, "the notification of a disk", func(id string, _ wire.Object) bool { return id == disk.ID })
			id, err := conn.Send("session.getUser", params{})
			t.Must(err)
			status, err := conn.CloseStatus(t.Limit(time.Minute))
			t.Must(err)
			t.Check(status == 1005, "closed with %d", status)
			_, err = conn.Answer(id, 0)
			t.Check(err != nil, "the request was answered")
			failure := t.Refused(t.Connect(wire.Options{}), "session.signIn", params{"token": token})
			t.Check(failure.Code == 3, "signing in again: %v", failure)
			after := get(t, rest, "/pools")
			t.Check(after.Status == http.StatusUnauthorized, "REST after: %v", after)
		}},
}

// reconnect opens a connection as soon as Xen Orchestra takes one again; it is not signed in.
func reconnect(t *suite.T) *wire.Conn {
	var conn *wire.Conn
	t.Eventually(5*time.Minute, func() error {
		next, err := wire.Dial(t.Ctx, t.Site.URL, wire.Options{Insecure: t.Site.Insecure, Handshake: 2 * time.Second})
		conn = next
		return err
	})
	t.Cleanup(conn.Close)
	return conn
}

func get(t *suite.T, rest *wire.Rest, path string) *wire.Response {
	return request(t, rest, http.MethodGet, path, nil)
}

func request(t *suite.T, rest *wire.Rest, method, path string, body any) *wire.Response {
	return t.Request(rest, method, path, body)
}
