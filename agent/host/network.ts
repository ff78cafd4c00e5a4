import { readFile } from 'node:fs/promises'

/** What has passed an interface since the host started, bytes. */
export interface LinkCounters {
  readonly name: string
  readonly received: number
  readonly sent: number
}

export interface LinkRate {
  readonly name: string
  readonly receivedBytesPerSecond: number
  readonly sentBytesPerSecond: number
}

/** Interfaces of /proc/net/dev that ever carried anything, loopback apart. */
export function countersOf(text: string): readonly LinkCounters[] {
  return text.split('\n').flatMap(line => {
    const [, name, numbers = ''] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? []
    if (name === undefined || name === 'lo') return []
    const fields = numbers.split(/\s+/).map(Number)
    const [received = Number.NaN] = fields
    const sent = fields[8] ?? Number.NaN
    return received + sent > 0 ? [{ name, received, sent }] : []
  })
}

/** Bytes a second between two looks; an interface that was reset or is new says nothing yet. @param elapsed ms */
export function ratesOf(
  before: readonly LinkCounters[],
  now: readonly LinkCounters[],
  elapsed: number,
): readonly LinkRate[] {
  if (elapsed <= 0) return []
  const perSecond = (bytes: number) => Math.round((bytes * 1_000) / elapsed)
  return now.flatMap(({ name, received, sent }) => {
    const former = before.find(each => each.name === name)
    return former === undefined || received < former.received || sent < former.sent
      ? []
      : [
          {
            name,
            receivedBytesPerSecond: perSecond(received - former.received),
            sentBytesPerSecond: perSecond(sent - former.sent),
          },
        ]
  })
}

/** Of no interface where the kernel tells none. Never rejects. */
export async function readCounters(file = '/proc/net/dev'): Promise<readonly LinkCounters[]> {
  return countersOf(await readFile(file, 'utf8').catch(() => ''))
}
