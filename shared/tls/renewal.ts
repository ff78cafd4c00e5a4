import { type KeyObject, sign, verify, type X509Certificate } from 'node:crypto'

/** What a proof is of, so that a signature made for anything else is none. */
const purpose = 'holdfast renewal v1\0'

/** Proves that whoever asks to renew `certificate` has its key: a signature over certificate and request. */
export function proofOfKey(key: KeyObject, certificate: Uint8Array, request: Uint8Array): Buffer {
  return sign('sha256', message(certificate, request), key)
}

/** Whether a proof was made with the key of `certificate`, for this very request. */
export function provesKey(certificate: X509Certificate, request: Uint8Array, proof: Uint8Array): boolean {
  try {
    return verify('sha256', message(certificate.raw, request), certificate.publicKey, proof)
  } catch {
    return false
  }
}

function message(certificate: Uint8Array, request: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(purpose), certificate, request])
}
