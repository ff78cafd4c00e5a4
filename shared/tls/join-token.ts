import { createHash, randomBytes } from 'node:crypto'

/** The form of a join token: `hfj1.SECRET.FINGERPRINT`, both 32 bytes in base64url. */
const form = /^hfj1\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/

/** What a join token carries: a secret the coordinator knows the hash of, and the CA that the host is to believe. */
export interface JoinToken {
  readonly text: string
  /** SHA-256 of the CA's certificate (DER), hex. */
  readonly fingerprint: string
  /** What the coordinator keeps in its place, hex. */
  readonly hash: string
}

/** Makes a token for hosts that are to trust the CA of this fingerprint (hex). */
export function newJoinToken(fingerprint: string): JoinToken {
  const secret = randomBytes(32).toString('base64url')
  return read(secret, Buffer.from(fingerprint, 'hex').toString('base64url'))
}

/** Reads a token; undefined when the text is none. */
export function parseJoinToken(text: string): JoinToken | undefined {
  const [, secret, fingerprint] = form.exec(text.trim()) ?? []
  return secret === undefined || fingerprint === undefined ? undefined : read(secret, fingerprint)
}

function read(secret: string, fingerprint: string): JoinToken {
  return {
    text: `hfj1.${secret}.${fingerprint}`,
    fingerprint: Buffer.from(fingerprint, 'base64url').toString('hex'),
    // 256 random bits need no salt and no slow hash
    hash: createHash('sha256').update(secret).digest('hex'),
  }
}
