"""Running a sweep: workers, the store, the run folder, events, costs."""
