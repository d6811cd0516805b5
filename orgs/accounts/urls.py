"""The pages of accounts. What django-allauth has besides (passkeys, telephones, login codes) is not reachable."""

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.socialaccount import views as socialaccount
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.contrib.auth.decorators import login_not_required
from django.urls import path, re_path

from orgs.accounts import views
from orgs.accounts.views import of_person

urlpatterns = [
    path("signup", account.signup, name="account_signup"),
    path("login", account.login, name="account_login"),
    path("login/code", mfa.authenticate, name="mfa_authenticate"),
    path("logout", account.logout, name="account_logout"),
    path("account", views.account, name="account"),
    path("account/inactive", account.account_inactive, name="account_inactive"),
    path("account/confirm", of_person(account.reauthenticate), name="account_reauthenticate"),
    path("account/confirm/code", of_person(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("account/email", of_person(views.ChangeAddress.as_view()), name="account_email"),
    path("account/email/sent", account.email_verification_sent, name="account_email_verification_sent"),
    path("account/email/verify/<str:key>", account.confirm_email, name="account_confirm_email"),
    path("account/password", of_person(account.password_change), name="account_change_password"),
    path("account/password/set", of_person(account.password_set), name="account_set_password"),
    path("account/password/forgotten", account.password_reset, name="account_reset_password"),
    path("account/password/forgotten/sent", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^account/password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[-:\w]+)$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "account/password/done", account.password_reset_from_key_done, name="account_reset_password_from_key_done"
    ),
    path("account/mfa", of_person(mfa.index), name="mfa_index"),
    path("account/mfa/app", of_person(views.ActivateApp.as_view()), name="mfa_activate_totp"),
    path("account/mfa/app/remove", of_person(views.DeactivateApp.as_view()), name="mfa_deactivate_totp"),
    path("account/mfa/codes", of_person(codes.view_recovery_codes), name="mfa_view_recovery_codes"),
    path(
        "account/mfa/codes/renew",
        of_person(views.RenewRecoveryCodes.as_view()),
        name="mfa_generate_recovery_codes",
    ),
    path("account/mfa/codes.txt", codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    # Without VISANT_OIDC_URL there is no such provider, and these lead nowhere.
    path("login/<slug:provider_id>", views.single_sign_on, name="openid_connect_login"),
    path("login/<slug:provider_id>/back", openid_connect.callback, name="openid_connect_callback"),
    path("login/sso/cancelled", socialaccount.login_cancelled, name="socialaccount_login_cancelled"),
    path("login/sso/failed", login_not_required(socialaccount.login_error), name="socialaccount_login_error"),
    path("signup/sso", socialaccount.signup, name="socialaccount_signup"),
    path("account/sso", of_person(views.Connections.as_view()), name="socialaccount_connections"),
]
