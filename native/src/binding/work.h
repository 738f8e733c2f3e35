// Work on libuv's threads. An engine has one pool of threads, so that its work runs one after another, in the order it was asked for; what waits
// holds no thread of libuv's.
#pragma once

#include <napi.h>

#include <deque>
#include <functional>
#include <memory>

namespace retort::binding {

class Work;

// Lives on the JavaScript thread.
class WorkQueue {
 public:
  void add(Work* work);
  void finished();
  // The environment ends: what waits will never run.
  void abandon();

 private:
  bool running_ = false;
  std::deque<Work*> waiting_;
};

// Runs `execute` on another thread, then `finish` here, whose value the promise resolves to; what either throws rejects it as a coded error.
class Work : public Napi::AsyncWorker {
 public:
  using Finish = std::function<Napi::Value(Napi::Env)>;

  // `settled` runs here before the promise is settled, whatever happened.
  static Napi::Promise start(Napi::Env env, std::shared_ptr<WorkQueue> queue, std::function<void()> execute, Finish finish,
                             std::function<void()> settled = [] {});

 private:
  Work(Napi::Env env, std::shared_ptr<WorkQueue> queue, std::function<void()> execute, Finish finish, std::function<void()> settled);
  friend class WorkQueue;
  void Execute() override;
  void OnOK() override;
  void settle(Napi::Env env);

  std::shared_ptr<WorkQueue> queue_;
  std::function<void()> execute_;
  Finish finish_;
  std::function<void()> settled_;
  std::exception_ptr failure_;
  Napi::Promise::Deferred deferred_;
};

}  // namespace retort::binding
