/** Ends a command with a status of its own although nothing is to be told. */
export class Answer extends Error {
  readonly status: number

  constructor(status: number) {
    super('answered')
    this.status = status
  }
}
