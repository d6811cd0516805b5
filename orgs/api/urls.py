from django.urls import path

from orgs.api import auth, organizations, tokens

urlpatterns = [
    path("auth/signup", auth.SignUp.as_view(), name="auth-signup"),
    path("auth/login", auth.LogIn.as_view(), name="auth-login"),
    path("auth/refresh", auth.Refresh.as_view(), name="auth-refresh"),
    path("auth/logout", auth.LogOut.as_view(), name="auth-logout"),
    path("auth/me", auth.Me.as_view(), name="auth-me"),
    path("auth/profile", auth.Profile.as_view(), name="auth-profile"),
    path("auth/change-password", auth.ChangePassword.as_view(), name="auth-change-password"),
    path("auth/forgot-password", auth.ForgotPassword.as_view(), name="auth-forgot-password"),
    path("auth/reset-password", auth.ResetPassword.as_view(), name="auth-reset-password"),
    path("orgs", organizations.OrganizationList.as_view(), name="api-organizations"),
    path("orgs/current", organizations.CurrentOrganization.as_view(), name="api-organization"),
    path("tokens", tokens.TokenList.as_view(), name="api-tokens"),
    path("tokens/<uuid:pk>", tokens.TokenDetail.as_view(), name="api-token"),
]
