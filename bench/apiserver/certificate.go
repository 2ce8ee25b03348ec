package apiserver

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
)

// pemBase64 is a certificate as a kubeconfig holds it.
func pemBase64(certificate *x509.Certificate) string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
}
