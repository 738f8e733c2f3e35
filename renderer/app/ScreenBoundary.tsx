import { Component, type ReactNode } from 'react';
import { Button } from '../ui/Button.tsx';
import { EmptyState } from '../ui/EmptyState.tsx';

interface Props {
  /** Another screen is tried anew. */
  readonly screen: string;
  readonly children: ReactNode;
}
interface State {
  readonly screen: string;
  readonly reason: string | null;
}

/** Around a screen: where it cannot be shown it says so, and the rest of the page goes on. */
export class ScreenBoundary extends Component<Props, State> {
  override state: State = { screen: this.props.screen, reason: null };

  static getDerivedStateFromError(error: unknown): Partial<State> {
    return { reason: error instanceof Error ? error.message : String(error) };
  }

  static getDerivedStateFromProps({ screen }: Props, state: State): State | null {
    return screen === state.screen ? null : { screen, reason: null };
  }

  override render(): ReactNode {
    if (this.state.reason === null) return this.props.children;
    return (
      <div className="grid place-items-center">
        <EmptyState
          title="This screen could not be shown"
          actions={<Button onClick={() => window.location.reload()}>Load the page again</Button>}
        >
          {this.state.reason} Chats and running replies are not touched by this.
        </EmptyState>
      </div>
    );
  }
}
