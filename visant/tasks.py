from django.core.management import call_command


def prune_finished_tasks() -> None:
    """Forget finished wake-ups: what they did is in our own rows."""
    call_command("prune_db_task_results", min_age_days=1, failed_min_age_days=14, verbosity=0)
