import { app, dialog } from 'electron';

/** Says what happened; resolves with whether to try again. Quits where the person says so. */
export async function askAfterCrash(what: string): Promise<boolean> {
  const { response } = await dialog.showMessageBox({
    type: 'error',
    message: what,
    detail: 'Chats are on disk up to the last second.',
    buttons: ['Try again', 'Quit'],
    defaultId: 0,
    cancelId: 1,
    noLink: true,
  });
  if (response === 1) app.quit();
  return response === 0;
}
