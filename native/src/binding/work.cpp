#include "work.h"

#include <utility>

#include "arguments.h"

namespace retort::binding {

void WorkQueue::add(Work* work) {
  if (running_) {
    waiting_.push_back(work);
    return;
  }
  running_ = true;
  work->Queue();
}

void WorkQueue::finished() {
  running_ = false;
  if (waiting_.empty()) return;
  Work* next = waiting_.front();
  waiting_.pop_front();
  add(next);
}

void WorkQueue::abandon() {
  while (!waiting_.empty()) {
    Work* work = waiting_.front();
    waiting_.pop_front();
    work->Destroy();
  }
}

Work::Work(Napi::Env env, std::shared_ptr<WorkQueue> queue, std::function<void()> execute, Finish finish, std::function<void()> settled)
    : Napi::AsyncWorker(env),
      queue_(std::move(queue)),
      execute_(std::move(execute)),
      finish_(std::move(finish)),
      settled_(std::move(settled)),
      deferred_(Napi::Promise::Deferred::New(env)) {}

Napi::Promise Work::start(Napi::Env env, std::shared_ptr<WorkQueue> queue, std::function<void()> execute, Finish finish, std::function<void()> settled) {
  // Deletes itself once it has run.
  auto* work = new Work(env, queue, std::move(execute), std::move(finish), std::move(settled));
  const Napi::Promise promise = work->deferred_.Promise();
  queue->add(work);
  return promise;
}

void Work::Execute() {
  try {
    execute_();
  } catch (...) {
    failure_ = std::current_exception();
  }
}

void Work::OnOK() {
  // What was held by the other thread's work is let go before JavaScript goes on.
  execute_ = nullptr;
  settled_();
  // A worker thread that is being terminated runs no JavaScript any more: then every call throws, and nobody waits for an answer.
  try {
    settle(Env());
    queue_->finished();
  } catch (...) {
    queue_->abandon();
  }
}

void Work::settle(Napi::Env env) {
  try {
    const Napi::Value value = guarded(env, [&] {
      if (failure_) std::rethrow_exception(failure_);
      return finish_(env);
    });
    deferred_.Resolve(value);
  } catch (const Napi::Error& error) {
    deferred_.Reject(error.Value());
  }
}

}  // namespace retort::binding
