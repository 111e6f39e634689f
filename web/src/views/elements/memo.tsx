import { Component, type ComponentType, h } from "preact";

/** A view that renders again only when one of its properties is another value. */
export function memo<P extends object>(view: ComponentType<P>): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const before = this.props as Record<string, unknown>;
      const after = next as Record<string, unknown>;
      const names = new Set([...Object.keys(before), ...Object.keys(after)]);
      return [...names].some((name) => !Object.is(before[name], after[name]));
    }
    override render() {
      return h(view, this.props);
    }
  };
}
