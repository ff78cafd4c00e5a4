import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type BackupStreamRequest,
  backupStream,
  PartBudget,
  type RestoreStreamRequest,
  restoreStream,
  type StreamOutcome,
} from '../../../agent/pipeline/index.ts'
import { type Command, createToolFinder } from '../../../agent/process/index.ts'
import type { ManifestObject } from '../../../shared/model/manifest.ts'
import { openDirectoryStore } from '../../../shared/object-store/directory.ts'
import {
  type ObjectKey,
  type ObjectStore,
  type OpenUpload,
  objectKey,
} from '../../../shared/object-store/port.ts'
import { provisionTool, requireServers } from '../../harness/index.ts'
import { Scripts } from '../process/scripts.ts'

/** Whether the tools of the pipeline can be had; on PATH from then on. Skips loudly otherwise. */
export async function requireTools(suite: string): Promise<{ readonly missing: boolean }> {
  const found = await requireServers(suite, 'pv', 'zstd')
  if (!found.missing) {
    await provisionTool('pv')
    await provisionTool('zstd')
  }
  return found
}

/** A directory store, fake tools and the real ones, for one test file. */
export class Bench {
  readonly scripts: Scripts
  readonly budget = new PartBudget(64 * 1024 * 1024)
  readonly store: ObjectStore
  readonly opened: OpenUpload[] = []
  readonly aborted: OpenUpload[] = []
  #next = 0

  private constructor(scripts: Scripts, maxParts: number) {
    this.scripts = scripts
    this.store = openDirectoryStore(join(scripts.folder, 'store'), { maxParts })
  }

  static async open(maxParts = 10_000): Promise<Bench> {
    const scripts = await Scripts.open()
    await mkdir(join(scripts.folder, 'store'))
    return new Bench(scripts, maxParts)
  }

  /** A backup of what the shell script writes; tools by name can be replaced by scripts. */
  async backup(
    producer: string | Command,
    more: Partial<BackupStreamRequest> = {},
    paths: Readonly<Record<string, string>> = {},
  ): Promise<StreamOutcome> {
    const stem = `data/${this.#next++}`
    return backupStream({
      name: '000-full',
      producer: typeof producer === 'string' ? await this.command('dump', producer) : producer,
      codec: 'zstd',
      predictedBytes: 0,
      keyOf: index => objectKey(`${stem}-${index}`),
      store: this.store,
      tools: createToolFinder({ paths }),
      budget: this.budget,
      signal: new AbortController().signal,
      partSize: 64 * 1024,
      graceMs: 300,
      onUploadOpened: async upload => void this.opened.push(upload),
      onUploadClosed: async upload => void this.aborted.push(upload),
      ...more,
    })
  }

  command(name: string, body: string): Promise<Command> {
    return this.scripts.command(`${name}-${this.#next++}`, body).then(command => ({ ...command, name }))
  }

  /** Completes all objects of a stream, as the commit protocol does, and tells of them as a manifest would. */
  async complete(outcome: StreamOutcome): Promise<readonly ManifestObject[]> {
    for (const object of outcome.objects) await this.store.completeUpload(object, object.parts)
    return outcome.objects.map(({ key, size, parts }) => ({
      key,
      size: String(size),
      parts: parts.map(part => ({ size: part.size, sha256: part.sha256 })),
    }))
  }

  async restore(
    objects: readonly ManifestObject[],
    rawBytes: number,
    consumer: string | Command,
    more: Partial<RestoreStreamRequest> = {},
    paths: Readonly<Record<string, string>> = {},
  ) {
    return restoreStream({
      objects,
      codecs: ['zstd'],
      rawBytes,
      consumer: typeof consumer === 'string' ? await this.command('psql', consumer) : consumer,
      store: this.store,
      tools: createToolFinder({ paths }),
      signal: new AbortController().signal,
      graceMs: 300,
      ...more,
    })
  }

  async openUploads(): Promise<readonly OpenUpload[]> {
    const found: OpenUpload[] = []
    for await (const upload of this.store.listUploads('')) found.push(upload)
    return found
  }

  async stored(key: string): Promise<Buffer> {
    const chunks: Uint8Array[] = []
    for await (const chunk of this.store.read(key as ObjectKey)) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  remove(): Promise<void> {
    return this.scripts.remove()
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
