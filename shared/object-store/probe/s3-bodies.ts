import { randomBytes } from 'node:crypto'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { AppError } from '../../errors/index.ts'
import { checksumOf, type SentChecksum } from '../checksum.ts'
import type { ObjectKey } from '../port.ts'
import { checksumIn } from '../s3/wording.ts'
import { type Conclusion, told } from './notebook.ts'
import type { Probing } from './probing.ts'
import { once, sha256, tryPut } from './s3-session.ts'

/** Small bodies: are they stored, read back, checked, and kept from being written over? */
export async function probeBodies(probing: Probing): Promise<void> {
  const { store, book, key, signal } = probing
  const bytes = randomBytes(10_000)
  const plain = key('plain')
  await book.check('put', async () => {
    await store.put(plain, bytes, { signal })
    const found = await store.head(plain, signal)
    return found?.size === bytes.length
      ? ['yes', 'ok', 'an object is stored as this destination asks for it']
      : ['no', 'problem', 'a stored object is not there, or of another size']
  })
  await book.check('read', async () => {
    const chunks: Uint8Array[] = []
    for await (const chunk of store.read(plain, { start: 1_000, end: 9_000, signal })) chunks.push(chunk)
    return Buffer.concat(chunks).equals(bytes.subarray(1_000, 9_000))
      ? ['yes', 'ok', 'ranges are read back as they were written']
      : ['no', 'problem', 'a range read back holds other bytes than were written']
  })
  await book.check('body-hash', () => bodyHash(probing, bytes), 'warning')
  for (const mode of ['sha256', 'crc32c', 'crc64nvme'] as const)
    await book.check(`checksum-${mode}`, () => checksum(probing, mode, bytes), 'note')
  await book.check('checksum', async () => chosenChecksum(probing))
  await book.check('conditional-put', () => conditionalPut(probing, plain), 'note')
}

async function bodyHash({ requests, key, signal }: Probing, bytes: Buffer): Promise<Conclusion> {
  const other = sha256(Buffer.from('other bytes'))
  const refused = await tryPut(requests, key('wrong-hash'), bytes, { signal, bodyHash: other })
  return refused === undefined
    ? [
        'ignored',
        'warning',
        'a body that does not match its signed SHA-256 was stored: not verified by the server',
      ]
    : ['yes', 'ok', 'a body that does not match its signed SHA-256 is refused']
}

async function checksum(
  { requests, key, signal }: Probing,
  mode: SentChecksum,
  bytes: Buffer,
): Promise<Conclusion> {
  const right = checksumOf(mode, bytes, sha256(bytes))
  const at = key(`checksum-${mode}`)
  const refused = await tryPut(requests, at, bytes, { signal, mode, checksum: right })
  if (refused !== undefined) return ['no', 'note', `refused: ${told(refused)}`]
  const other = Buffer.from('other bytes')
  const wrong = checksumOf(mode, other, sha256(other))
  const caught = await tryPut(requests, key(`wrong-${mode}`), bytes, { signal, mode, checksum: wrong })
  if (caught === undefined) return ['ignored', 'note', 'accepted, but not verified by the server']
  const tells = await tellsChecksum(requests, at, mode, signal)
  return ['yes', 'ok', `verified by the server${tells ? ', and told again by HEAD' : ', not told by HEAD'}`]
}

async function tellsChecksum(
  requests: Probing['requests'],
  key: ObjectKey,
  mode: SentChecksum,
  signal: AbortSignal,
): Promise<boolean> {
  const head = new HeadObjectCommand({ ...requests.place(key), ChecksumMode: 'ENABLED' })
  try {
    const found = await requests.send('head', key, signal, { policy: once }, abort =>
      requests.client.send(head, abort),
    )
    return checksumIn(mode, found) !== undefined
  } catch (thrown) {
    if (signal.aborted) throw thrown
    return false
  }
}

/** How the checksum this destination sends fares: the one that counts. */
function chosenChecksum({ requests, book }: Probing): Conclusion {
  const { checksum: mode } = requests
  const verifiesHash = book.findings.find(({ check }) => check === 'body-hash')?.answer === 'yes'
  if (mode === 'none')
    return verifiesHash
      ? ['yes', 'ok', 'none is sent; bodies are verified by their signed SHA-256']
      : ['no', 'warning', 'none is sent, and the signed SHA-256 is not verified by the server']
  switch (book.findings.find(({ check }) => check === `checksum-${mode}`)?.answer) {
    case 'yes':
      return ['yes', 'ok', `${mode} is sent, and verified by the server`]
    case 'ignored':
      return ['ignored', 'warning', `${mode} is sent, and not verified by the server`]
    case 'no':
      return ['no', 'problem', `${mode} is sent, and refused by the server`]
    default:
      return ['unknown', 'warning', `${mode} is sent; whether the server verifies it could not be found out`]
  }
}

async function conditionalPut(
  { requests, store, key, signal }: Probing,
  existing: ObjectKey,
): Promise<Conclusion> {
  const relied = store.capabilities.conditionalPut
  const fresh = await tryPut(requests, key('fresh'), Buffer.from('first'), { signal, ifAbsent: true })
  if (fresh !== undefined)
    return ['no', relied ? 'problem' : 'note', `If-None-Match is refused: ${told(fresh)}`]
  const second = await tryPut(requests, existing, Buffer.from('second'), { signal, ifAbsent: true })
  if (second === undefined)
    return [
      'ignored',
      relied ? 'problem' : 'note',
      'If-None-Match: * was accepted and ignored: the object was written over',
    ]
  if (second.code !== 'object-store.exists')
    throw new AppError(second.code, { message: second.message, context: second.context })
  return [
    'yes',
    'ok',
    second.context['status'] === 304
      ? 'If-None-Match: * keeps an object from being written over (answered 304)'
      : 'If-None-Match: * keeps an object from being written over',
  ]
}
