import { join } from 'node:path'

/** The checkout's folder. The only place of the harness that asks where a file lies. */
export const projectRoot = join(import.meta.dirname, '..', '..')

/** Folder of the shell scripts that fetch and run real servers. */
export const servicesFolder = join(projectRoot, 'deploy', 'services')
