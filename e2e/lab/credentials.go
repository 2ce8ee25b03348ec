package lab

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// identity is a user of the API server that signs in with a fixed token.
type identity struct {
	user   string
	groups string // comma-separated
	token  string
}

// writeCredentials makes the key that signs ServiceAccount tokens, and a token and a kubeconfig for the administrator, for
// the controllers and for each node. Nodes get the identity of nodes, so the API server holds them to what nodes may do.
func (l *Lab) writeCredentials() error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(l.path("credentials", "service-account.key"), private, 0o600); err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	if err := os.WriteFile(l.path("credentials", "service-account.pub"), text, 0o600); err != nil {
		return err
	}

	identities := []identity{
		{user: "admin", groups: "system:masters"},
		{user: "system:kube-controller-manager"},
		{user: "system:kube-scheduler"},
	}
	for _, vm := range l.World.Nodes() {
		identities = append(identities, identity{user: "system:node:" + vm.Name, groups: "system:nodes"})
	}
	var tokens strings.Builder
	for i := range identities {
		secret := make([]byte, 16)
		if _, err := rand.Read(secret); err != nil {
			return err
		}
		who := &identities[i]
		who.token = hex.EncodeToString(secret)
		fmt.Fprintf(&tokens, "%s,%s,%s,%q\n", who.token, who.user, who.user, who.groups)
		file := l.kubeconfig(who.user)
		if err := os.WriteFile(file, l.kubeconfigText("token: "+who.token), 0o600); err != nil {
			return err
		}
	}
	l.adminToken = identities[0].token
	if err := os.WriteFile(l.path("credentials", "tokens.csv"), []byte(tokens.String()), 0o600); err != nil {
		return err
	}
	// The operator's token is renewed by rewriting its file, so the kubeconfig names the file.
	operator := l.kubeconfigText("tokenFile: " + l.OperatorTokenFile())
	return os.WriteFile(l.kubeconfig("operator"), operator, 0o600)
}

// kubeconfig names the kubeconfig of a user.
func (l *Lab) kubeconfig(user string) string {
	return l.path("credentials", strings.ReplaceAll(strings.TrimPrefix(user, "system:"), ":", "-")+".kubeconfig")
}

// OperatorTokenFile is the file with the operator's token of its ServiceAccount.
func (l *Lab) OperatorTokenFile() string { return l.path("credentials", "operator.token") }

// XOTokenFile is the file with the operator's token for Xen Orchestra.
func (l *Lab) XOTokenFile() string { return l.path("credentials", "xoa.token") }

// serverCertificate is what the API server makes for itself at its first start; it serves as its own CA.
func (l *Lab) serverCertificate() string { return l.path("certificates", "apiserver.crt") }

func (l *Lab) kubeconfigText(user string) []byte {
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: lab
clusters:
- name: lab
  cluster: {server: %q, certificate-authority: %q}
users:
- name: lab
  user: {%s}
contexts:
- name: lab
  context: {cluster: lab, user: lab}
`, l.APIServerURL(), l.serverCertificate(), user)
}

// replaceFile writes a file in one step, for a reader that may look at any time.
func replaceFile(name string, text []byte, mode os.FileMode) error {
	fresh, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".")
	if err != nil {
		return err
	}
	defer os.Remove(fresh.Name())
	_, err = fresh.Write(text)
	if err == nil {
		err = fresh.Chmod(mode)
	}
	if closeErr := fresh.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(fresh.Name(), name)
	}
	return err
}
