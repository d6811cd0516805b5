from zoneinfo import available_timezones

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from orgs.tenancy import Row, TenantModel


class UserManager(BaseUserManager["User"]):
    """E-mail addresses are kept in lower case, so that two spellings are one account."""

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(Row, AbstractBaseUser, PermissionsMixin):
    """A person. The e-mail address is the login."""

    email = models.EmailField(
        "e-mail address",
        unique=True,
        error_messages={"unique": "An account with this address exists already."},
    )
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField("operator", default=False, help_text="May enter the admin.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")),
                name="orgs_user_email_is_lower_case",
                violation_error_message="Write the e-mail address in lower case.",
            )
        ]

    def __str__(self) -> str:
        return self.name or self.email


def validate_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(f"{name!r} is not a time zone; one is written like Europe/Zurich.")


class Organization(Row):
    """Who owns cameras and pictures. An empty limit means there is none."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=60, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    device_limit = models.PositiveIntegerField("cameras", null=True, blank=True)
    byte_limit = models.PositiveBigIntegerField("bytes", null=True, blank=True)
    evaluation_limit = models.PositiveIntegerField("evaluations a month", null=True, blank=True)
    retention_days = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    trial_ends_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a member may do; each role may do all that the ones below it may."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"

    def covers(self, smallest: "Role") -> bool:
        ranks = list(Role)
        return ranks.index(self) <= ranks.index(smallest)


class Membership(Row, TenantModel):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    unscoped = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "org"],
                name="orgs_membership_once_per_organization",
                violation_error_message="This person is a member already.",
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="orgs_membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.role} of {self.org}"
