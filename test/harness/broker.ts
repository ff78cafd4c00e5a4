import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { type S3Server, startS3 } from './s3.ts'

/** A suite that did not run, and why. */
export interface Skip {
  readonly suite: string
  readonly reason: string
}

// On the process, not in this module: vitest loads the global set-up and the reporter each with its own module graph
const processWide = globalThis as { holdfastSkips?: Skip[] }

/** Skips of this run, for the summary at its end. */
export function skips(): Skip[] {
  processWide.holdfastSkips ??= []
  return processWide.holdfastSkips
}

/** Serves the workers of one run: starts shared servers at their first use and keeps them until the end. */
export async function startBroker(): Promise<{ address: string; stop(): Promise<void> }> {
  let s3: Promise<S3Server> | undefined
  const answers: Record<string, (body: unknown) => Promise<unknown>> = {
    '/s3': async () => {
      s3 ??= startS3({ dedicated: true })
      return { endpoint: (await s3).endpoint }
    },
    '/skip': async body => {
      skips().push(body as Skip)
      return {}
    },
  }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      const answer =
        answers[request.url ?? ''] ?? (() => Promise.reject(new Error(`the broker has no ${request.url}`)))
      answer(JSON.parse(Buffer.concat(chunks).toString() || '{}')).then(
        result => response.end(JSON.stringify(result)),
        error => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
      )
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    address: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await s3?.then(
        started => started.stop(),
        () => undefined,
      )
    },
  }
}
