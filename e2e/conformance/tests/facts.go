package tests

import "xo-operator.dev/e2e/conformance/suite"

// Facts is what is known of Xen Orchestra. A fact that no test shows says why.
var Facts = []suite.Fact{
	{Area: "WebSocket", ID: "ws-path", Says: "Only /api/ and /v5/api/ are upgraded; on any other path the upgrade is never answered"},
	{Area: "WebSocket", ID: "ws-start", Says: "While Xen Orchestra starts, an upgrade may hang for a moment", Without: "whether it does is chance; clients are tested with handshakes that hang"},
	{Area: "WebSocket", ID: "ws-protocol", Says: "No subprotocol is needed; one that is offered is chosen"},
	{Area: "WebSocket", ID: "ws-deflate", Says: "Compression is agreed to; frames to the client are compressed from 512 KiB up"},
	{Area: "WebSocket", ID: "ws-frames", Says: "A frame is a text with one JSON object, however large: several MiB happen"},
	{Area: "WebSocket", ID: "ws-ping", Says: "The server sends no ping and answers those of the client; an idle connection stays"},
	{Area: "WebSocket", ID: "ws-max", Says: "A frame of 99 MiB is taken, one of 101 MiB closes the connection with 1009"},
	{Area: "WebSocket", ID: "ws-no-json", Says: "A frame that is no JSON is ignored"},
	{Area: "WebSocket", ID: "ws-batch", Says: "A batch is answered with a binary frame of two bytes"},
	{Area: "WebSocket", ID: "ws-no-id", Says: "A call without an id is not carried out"},
	{Area: "WebSocket", ID: "ws-ids", Says: "Ids may be strings"},
	{Area: "WebSocket", ID: "ws-order", Says: "Answers come in another order than their calls"},
	{Area: "WebSocket", ID: "ws-params", Says: "Parameters may be left out; with null for them a call is never answered"},

	{Area: "Signing in", ID: "sign-in", Says: "session.signIn with email and password or with a token answers who one is"},
	{Area: "Signing in", ID: "sign-in-bad", Says: "A bad password or token is refused with code 3, \"invalid credentials\""},
	{Area: "Signing in", ID: "sign-in-throttle", Says: "For two seconds after a bad password every attempt fails with -32000, the right password too"},
	{Area: "Signing in", ID: "sign-in-same", Says: "session.signInWithPassword and session.signInWithToken do the same"},
	{Area: "Signing in", ID: "sign-in-several", Says: "Several good attempts at once all succeed"},
	{Area: "Signing in", ID: "sign-in-first", Says: "Before that every call is refused with code 2, session.getUser with -32000"},

	{Area: "Tokens", ID: "token-create", Says: "token.create answers a string of 43 characters, with or without a description, expiry and client"},
	{Area: "Tokens", ID: "token-expiry", Says: "It expires after milliseconds or a duration in words, of at least a minute and at most half a year"},
	{Area: "Tokens", ID: "token-default", Says: "Without one it expires after 30 days", Without: "nothing but waiting shows it"},
	{Area: "Tokens", ID: "token-restart", Says: "It survives a restart of Xen Orchestra"},
	{Area: "Tokens", ID: "token-expired", Says: "When it expires notifications go on; the next request is not answered but ends the connection with 1005, and signing in fails with code 3"},
	{Area: "Tokens", ID: "token-expired-rest", Says: "The REST API answers 401 then"},
}
