import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** State of a key, as `aws kms describe-key` names it. */
export type KmsKeyState = 'Enabled' | 'Disabled' | 'PendingDeletion'

/** A call as it arrived, for what a test wants to see of it. */
export interface KmsCall {
  readonly operation: string
  readonly accessKeyId: string
  readonly keyId: string
  readonly context: Readonly<Record<string, string>>
  /** What it was answered with: `ok`, or the name of the exception. */
  readonly answer: string
}

/**
 * AWS KMS over its true protocol (AWS JSON 1.1, `TrentService.Encrypt` and `Decrypt`): keys with states, contexts
 * enforced by the cipher itself, callers by access key id with the actions their role allows, and throttling.
 */
export interface KmsFake extends AsyncDisposable {
  readonly endpoint: string
  readonly region: string
  readonly calls: readonly KmsCall[]
  /** Makes a key; resolves names and aliases to its ARN. */
  createKey(alias?: string): string
  setState(arn: string, state: KmsKeyState): void
  /** Whoever may call, and what; an access key id that is not known is refused. */
  allow(accessKeyId: string, ...actions: readonly ('Encrypt' | 'Decrypt')[]): void
  /** The next calls get ThrottlingException. */
  throttle(calls: number): void
  /** For `HOLDFAST`'s children: endpoint, region and the credentials of a caller. */
  environment(accessKeyId: string): Readonly<Record<string, string>>
  stop(): Promise<void>
}

interface Key {
  readonly arn: string
  readonly secret: Buffer
  state: KmsKeyState
}

class Refusal extends Error {
  readonly type: string
  constructor(type: string, message: string) {
    super(message)
    this.type = type
  }
}

/** Starts it on a free port of loopback. */
export async function startKms(): Promise<KmsFake> {
  const region = 'eu-test-1'
  const keys = new Map<string, Key>()
  const aliases = new Map<string, string>()
  const roles = new Map<string, ReadonlySet<string>>()
  const calls: KmsCall[] = []
  let throttled = 0

  const keyNamed = (name: unknown): Key => {
    const key = keys.get(aliases.get(String(name)) ?? String(name))
    if (key === undefined) throw new Refusal('NotFoundException', `Key '${String(name)}' does not exist`)
    if (key.state === 'Disabled') throw new Refusal('DisabledException', `${key.arn} is disabled.`)
    if (key.state === 'PendingDeletion')
      throw new Refusal('KMSInvalidStateException', `${key.arn} is pending deletion.`)
    return key
  }

  const operations: Record<string, (body: Record<string, unknown>) => Record<string, unknown>> = {
    Encrypt(body) {
      const key = keyNamed(body['KeyId'])
      const plain = Buffer.from(String(body['Plaintext']), 'base64')
      if (plain.length === 0 || plain.length > 4096)
        throw new Refusal('ValidationException', 'Plaintext must have 1 to 4096 bytes')
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key.secret, iv)
      cipher.setAAD(canonical(body['EncryptionContext']))
      const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
      const blob = Buffer.concat([Buffer.from(`${key.arn}\n`), iv, cipher.getAuthTag(), sealed])
      return {
        CiphertextBlob: blob.toString('base64'),
        KeyId: key.arn,
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      }
    },
    Decrypt(body) {
      const blob = Buffer.from(String(body['CiphertextBlob']), 'base64')
      const end = blob.indexOf(0x0a)
      const arn = blob.subarray(0, Math.max(0, end)).toString()
      if (!keys.has(arn)) throw new Refusal('InvalidCiphertextException', 'UnknownError')
      if (body['KeyId'] !== undefined && keyNamed(body['KeyId']).arn !== arn)
        throw new Refusal('IncorrectKeyException', 'The key ID in the request does not identify the CMK')
      const key = keyNamed(arn)
      try {
        const cipher = createDecipheriv('aes-256-gcm', key.secret, blob.subarray(end + 1, end + 13))
        cipher.setAAD(canonical(body['EncryptionContext']))
        cipher.setAuthTag(blob.subarray(end + 13, end + 29))
        const plain = Buffer.concat([cipher.update(blob.subarray(end + 29)), cipher.final()])
        return {
          Plaintext: plain.toString('base64'),
          KeyId: arn,
          EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
        }
      } catch {
        throw new Refusal('InvalidCiphertextException', 'UnknownError')
      }
    },
  }

  const answer = (request: IncomingMessage, body: Record<string, unknown>): Record<string, unknown> => {
    const target = /^TrentService\.(\w+)$/.exec(String(request.headers['x-amz-target'] ?? ''))?.[1] ?? ''
    const accessKeyId =
      /Credential=([^/]+)\/\d{8}\/[^/]+\/kms\/aws4_request/.exec(
        String(request.headers.authorization ?? ''),
      )?.[1] ?? ''
    const call = {
      operation: target,
      accessKeyId,
      keyId: String(body['KeyId'] ?? ''),
      context: (body['EncryptionContext'] ?? {}) as Record<string, string>,
    }
    try {
      if (request.headers['content-type'] !== 'application/x-amz-json-1.1')
        throw new Refusal('SerializationException', 'not AWS JSON 1.1')
      const operation = Object.hasOwn(operations, target) ? operations[target] : undefined
      if (operation === undefined) throw new Refusal('UnknownOperationException', target)
      const allowed = roles.get(accessKeyId)
      if (allowed === undefined)
        throw new Refusal('UnrecognizedClientException', 'The security token is invalid.')
      if (throttled > 0) {
        throttled--
        throw new Refusal('ThrottlingException', 'You have exceeded the rate at which you may call KMS.')
      }
      if (!allowed.has(target))
        throw new Refusal(
          'AccessDeniedException',
          `User: ${accessKeyId} is not authorized to perform: kms:${target}`,
        )
      const result = operation(body)
      calls.push({ ...call, answer: 'ok' })
      return result
    } catch (thrown) {
      calls.push({ ...call, answer: thrown instanceof Refusal ? thrown.type : 'defect' })
      throw thrown
    }
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      try {
        reply(response, 200, answer(request, JSON.parse(Buffer.concat(chunks).toString() || '{}')))
      } catch (thrown) {
        if (thrown instanceof Refusal) reply(response, 400, { __type: thrown.type, message: thrown.message })
        else reply(response, 500, { __type: 'KMSInternalException', message: String(thrown) })
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const stop = () =>
    new Promise<void>(resolve => {
      server.closeAllConnections()
      server.close(() => resolve())
    })
  return {
    endpoint,
    region,
    calls,
    createKey: alias => {
      const arn = `arn:aws:kms:${region}:111122223333:key/${randomUUID()}`
      keys.set(arn, { arn, secret: randomBytes(32), state: 'Enabled' })
      if (alias !== undefined) aliases.set(`alias/${alias}`, arn)
      return arn
    },
    setState: (arn, state) => {
      const key = keys.get(arn)
      if (key === undefined) throw new Error(`no key ${arn}`)
      key.state = state
    },
    allow: (accessKeyId, ...actions) => void roles.set(accessKeyId, new Set(actions)),
    throttle: count => {
      throttled = count
    },
    environment: accessKeyId => ({
      AWS_ENDPOINT_URL_KMS: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: `secret-of-${accessKeyId}`,
    }),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** The same words in the same order, whatever order they came in. */
function canonical(context: unknown): Buffer {
  const entries = Object.entries((context ?? {}) as Record<string, string>)
  return Buffer.from(JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1))))
}

function reply(response: ServerResponse, status: number, body: Record<string, unknown>): void {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'x-amzn-requestid': randomUUID(),
  })
  response.end(JSON.stringify(body))
}
