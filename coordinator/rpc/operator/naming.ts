import type { AgentId, ClusterId, DatabaseId, InstanceId } from '../../../shared/model/identifiers.ts'
import type { JobSubject } from '../../jobs/job.ts'
import type { ReadModel } from '../../store/port.ts'

/** How a cluster's globals are called where a database's name would stand. */
export const globalsName = '(globals)'

/** Names for ids, each looked up once for one answer. */
export class Names {
  readonly #read: ReadModel
  readonly #known = new Map<string, Promise<string>>()

  constructor(read: ReadModel) {
    this.#read = read
  }

  /** What operators call a cluster: its service. Its full name tells the node too, which only crowds lists. */
  cluster(id: ClusterId): Promise<string> {
    return this.#once(id, async () => serviceOf((await this.#read.cluster(id))?.name ?? id))
  }

  /** The host an agent runs on. */
  agent(id: AgentId | undefined): Promise<string> {
    return id === undefined
      ? Promise.resolve('')
      : this.#once(id, async () => (await this.#read.agent(id))?.hostname ?? id)
  }

  /** The service an instance belongs to. */
  instance(id: InstanceId): Promise<string> {
    return this.#once(id, async () => (await this.#read.instance(id))?.service ?? id)
  }

  /** `service/database`, `service/(globals)`, or the destination a job cleans up. */
  async subject(subject: JobSubject): Promise<string> {
    switch (subject.scope) {
      case 'database':
        return `${await this.cluster(subject.clusterId)}/${await this.#database(subject.databaseId)}`
      case 'cluster':
        return `${await this.cluster(subject.clusterId)}/${globalsName}`
      case 'destination':
        return subject.destination
    }
  }

  #database(id: DatabaseId): Promise<string> {
    return this.#once(id, async () => (await this.#read.database(id))?.name ?? id)
  }

  #once(id: string, look: () => Promise<string>): Promise<string> {
    const known = this.#known.get(id) ?? look()
    this.#known.set(id, known)
    return known
  }
}

/** The service in a cluster's full name. */
export function serviceOf(clusterName: string): string {
  const at = clusterName.lastIndexOf('@')
  return at > 0 ? clusterName.slice(0, at) : clusterName
}
