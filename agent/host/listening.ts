import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A TCP socket that takes connections. */
export interface ListeningSocket {
  readonly address: string
  readonly port: number
  readonly inode: string
}

const listening = '0A'

/** The listening sockets of /proc/net/tcp or tcp6. */
export function listeningOf(text: string): readonly ListeningSocket[] {
  return text.split('\n').flatMap(line => {
    const fields = line.trim().split(/\s+/)
    const [, local = '', , state] = fields
    const inode = fields[9]
    const [address = '', port = ''] = local.split(':')
    return state !== listening || inode === undefined || port === ''
      ? []
      : [{ address: addressOf(address), port: Number.parseInt(port, 16), inode }]
  })
}

/** Those of this host, as far as its network namespace goes. Never rejects. */
export async function readListening(proc = '/proc'): Promise<readonly ListeningSocket[]> {
  const texts = await Promise.all(
    ['tcp', 'tcp6'].map(name => readFile(join(proc, 'net', name), 'utf8').catch(() => '')),
  )
  return texts.flatMap(listeningOf)
}

/** The kernel writes words of four bytes, each the other way round. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap(word =>
    (word.match(/../g) ?? []).reverse().map(byte => Number.parseInt(byte, 16)),
  )
  if (bytes.length === 4) return bytes.join('.')
  const mapped = bytes.slice(0, 10).every(byte => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
  if (mapped) return bytes.slice(12).join('.')
  const groups = Array.from({ length: 8 }, (_, n) =>
    (((bytes[2 * n] ?? 0) << 8) | (bytes[2 * n + 1] ?? 0)).toString(16),
  )
  return groups
    .join(':')
    .replace(/(^|:)0(:0)+(:|$)/, '::')
    .replace(/^:::$/, '::')
}
