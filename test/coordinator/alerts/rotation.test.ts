import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type ChannelSpec, openChannels } from '../../../coordinator/alerts/index.ts'
import { signature } from '../../../coordinator/alerts/webhook.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { temporaryFolder, webhookSink } from '../../harness/index.ts'
import { notification } from './notifications.ts'

test('a rotated secret of a channel is taken up with the next message; one that is gone fails it and says so', async () => {
  await using folder = await temporaryFolder('rotation')
  const sink = await webhookSink()
  try {
    const file = join(folder.path, 'hmac')
    await writeFile(file, 'first', { mode: 0o600 })
    const spec: ChannelSpec = {
      ...{ name: 'hook', kind: 'webhook' as const, timeout: 5_000 },
      ...{ url: sink.url, secret_file: file },
    }
    const channel = (await openChannels([spec], systemClock)).get('hook')
    const deliver = () => channel?.deliver(notification(), new AbortController().signal)
    const signedBy = (secret: string, index: number) => {
      const request = sink.requests[index]
      const said = String(request?.headers['holdfast-signature'])
      return said === signature(secret, Number(/t=(\d+)/.exec(said)?.[1]), String(request?.body))
    }
    await deliver()
    expect(signedBy('first', 0)).toBe(true)
    await writeFile(file, 'second')
    await deliver()
    expect(signedBy('second', 1)).toBe(true)
    await rm(file)
    expect(await deliver()).toEqual({
      ...{ kind: 'failed', definite: true },
      error: 'a secret file cannot be read (secret.unreadable)',
    })
    expect(sink.requests).toHaveLength(2)
  } finally {
    await sink.stop()
  }
})
