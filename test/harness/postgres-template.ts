import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { cacheFolder } from './cache-folder.ts'
import { withFileLock } from './file-lock.ts'
import { asNobody, nobody } from './owned-process.ts'
import { run } from './run.ts'
import { temporaryFolder } from './temporary-folder.ts'

const initdbOptions = ['-U', 'postgres', '-A', 'scram-sha-256', '-E', 'UTF8', '--no-sync'] as const

/**
 * Makes the data folder of a new cluster: a copy of one that initdb has made once, kept in the cache, in a tenth of initdb's time.
 * The copy has a system identifier of its own, as initdb would have given it. Answers the password of `postgres`, which is the
 * template's: whoever starts the server sets another. Another version of the server makes a new template; several processes may ask at once.
 */
export async function copyPostgresTemplate(bin: string, data: string): Promise<string> {
  const template = await postgresTemplate(bin)
  await run('cp', ['-a', join(template, 'data'), data])
  await identify(data)
  return await readFile(join(template, 'password'), 'utf8')
}

async function postgresTemplate(bin: string): Promise<string> {
  const { stdout: version } = await run(join(bin, 'postgres'), ['--version'])
  const recipe = createHash('sha256')
  for (const part of [bin, version, String(process.getuid?.()), ...initdbOptions]) recipe.update(`${part}\0`)
  const path = join(cacheFolder(), `postgres-template-${recipe.digest('hex').slice(0, 12)}`)
  if (existsSync(path)) return path
  await mkdir(cacheFolder(), { recursive: true })
  return await withFileLock(`${path}.lock`, async () => {
    if (!existsSync(path)) await make(bin, path)
    return path
  })
}

async function make(bin: string, path: string): Promise<void> {
  await using scratch = await temporaryFolder('postgres-template')
  const own = join(scratch.path, 'template')
  const password = join(own, 'password')
  await mkdir(own, { mode: 0o700 })
  await writeFile(password, randomBytes(12).toString('hex'), { mode: 0o600 })
  if (process.getuid?.() === 0) {
    await chmod(scratch.path, 0o711)
    for (const each of [own, password]) await chown(each, nobody, nobody)
  }
  const attempt = (locale: string, allowFailure: boolean) => {
    const options = [...initdbOptions, '-D', join(own, 'data'), `--pwfile=${password}`, `--locale=${locale}`]
    const [command = '', ...args] = [...asNobody(), join(bin, 'initdb'), ...options]
    return run(command, args, { cwd: '/', allowFailure })
  }
  // A bare container may lack C.UTF-8
  if ((await attempt('C.UTF-8', true)).code !== 0) await attempt('C', false)
  const partial = `${path}.partial`
  await rm(partial, { recursive: true, force: true })
  await run('cp', ['-a', '--sparse=always', own, partial])
  await rename(partial, path)
}

/** Offset of the identifier in the first page of a WAL file, behind its 24 bytes of short header (xlog_internal.h). */
const identifierInWal = 24

/**
 * Gives a cluster that never ran another system identifier: the first eight bytes of pg_control, whose checksum follows its last field,
 * and the first page of each WAL file. The server refuses to start when one of them does not fit.
 */
async function identify(data: string): Promise<void> {
  // as initdb: the moment in the upper half
  const identifier = Buffer.alloc(8)
  identifier.writeUInt32LE(randomBytes(4).readUInt32LE(), 0)
  identifier.writeUInt32LE(Math.floor(Date.now() / 1000), 4)
  const control = join(data, 'global', 'pg_control')
  const bytes = await readFile(control)
  const checksum = checksumOffset(bytes)
  identifier.copy(bytes, 0)
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, checksum)), checksum)
  await overwrite(control, 0, bytes)
  const wal = join(data, 'pg_wal')
  for (const name of await readdir(wal))
    if (/^[0-9A-F]{24}$/.test(name)) await overwrite(join(wal, name), identifierInWal, identifier)
}

async function overwrite(path: string, position: number, bytes: Buffer): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.write(bytes, 0, bytes.length, position)
  } finally {
    await file.close()
  }
}

/** Where pg_control holds its checksum, which differs by version: where the checksum of what stands before it is found. */
function checksumOffset(control: Buffer): number {
  for (let offset = 64; offset < 512; offset += 4)
    if (control.readUInt32LE(offset) === crc32c(control.subarray(0, offset))) return offset
  throw new Error('pg_control holds no checksum where this version of PostgreSQL should have one')
}

/** CRC-32C (Castagnoli), as in pg_control. */
function crc32c(bytes: Buffer): number {
  let crc = 0xff_ff_ff_ff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82_f6_3b_78 : 0)
  }
  return (crc ^ 0xff_ff_ff_ff) >>> 0
}

/** Enough for a random password, and nothing for every login of a test to compute. */
const iterations = 1

/** What PostgreSQL keeps of a password (RFC 5802), so that the password itself appears in no statement and no log of the server. */
export function scramVerifier(password: string): string {
  const salt = randomBytes(16)
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256')
  const keyOf = (name: string) => createHmac('sha256', salted).update(name).digest()
  const stored = createHash('sha256').update(keyOf('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${keyOf('Server Key').toString('base64')}`
}
